"""What a worker puts around itself, and the proof that it holds."""
