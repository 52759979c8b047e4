"""What we hold and what it is worth: folds over fills and marks. Pure."""
