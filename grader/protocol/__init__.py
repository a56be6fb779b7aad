"""What both sides of a connection agree on: values as bytes, frames, requests and replies."""
