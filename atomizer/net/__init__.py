"""Generic shells around sockets and clocks. Nothing here knows a venue; time and randomness come in as arguments."""
