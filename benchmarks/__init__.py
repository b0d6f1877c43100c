"""How fast the gateway is beside the libraries it calls."""
