"""Rules for objects; each returns a list of what is wrong, with the paths of the fields."""
