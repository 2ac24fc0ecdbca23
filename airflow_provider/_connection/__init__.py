"""An Airflow connection: what it may hold, how it is read, and its form."""
