"""What runs say together, without drawing."""
