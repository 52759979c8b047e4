"""Deribit API v2: JSON-RPC over one WebSocket, options and futures paid in coins or in USDC."""
