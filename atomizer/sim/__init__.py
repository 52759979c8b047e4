"""Practice venues and the market behind them. An island: of atomizer it imports only the errors."""
