"""What people handed in becomes the files of exercises."""
