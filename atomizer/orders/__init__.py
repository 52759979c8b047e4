"""Our orders: what we asked for, what is known of it, and how that is squared with the venue. Pure."""
