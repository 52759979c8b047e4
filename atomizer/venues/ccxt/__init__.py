"""Any exchange of the ccxt library, by its unified API."""
