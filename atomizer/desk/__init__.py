"""What people look at. Nothing here trades; kill it and trading goes on."""
