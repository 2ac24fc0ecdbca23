"""What runs in a triggerer's event loop; and the one piece of a watch that runs beside the database."""
