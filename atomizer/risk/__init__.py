"""The one gate that every order and quote passes, the limits it holds, and the exposure it measures them against."""
