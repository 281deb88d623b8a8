"""modelops: own the models shaped by your own data, and keep them true."""
