"""Python's own door. What is public and stays is said in `vae_tf` itself; these modules hold it."""
