"""What can surround a worker: the layers by name, and what each one does. Imports nothing."""

LAYERS = {
    "process": "the code has a process of its own, which is killed when its exercise is over",
    "environment": "its environment, standard input and open files hold nothing of yours",
    "lifetime": "it ends when the grader ends, however that comes about",
    "limits": "its memory, threads, files and their sizes are limited",
    "cgroup": "the kernel limits memory and processes of all workers together (a control group, where one can be made)",
    "namespaces": "it has its own files, network, process numbers and shared memory (bubblewrap)",
    "scratch": "its temporary folder is its own, limited in size, and gone with it",
    "user": "it runs as a user who owns nothing (only root can do this)",
    "landlock": "the kernel lets it read the interpreter and installed packages, and no other file (landlockpy)",
    "seccomp": "the kernel refuses it new processes, programs, sockets and signals to others (pyseccomp)",
}
"""In the order in which a report names them."""
