"""What stands over particles and equation at once."""
