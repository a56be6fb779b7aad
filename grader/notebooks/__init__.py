"""An exercise as a notebook, and checking in one."""
