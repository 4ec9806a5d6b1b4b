"""The papers' experiments; nothing but the command line imports them."""
