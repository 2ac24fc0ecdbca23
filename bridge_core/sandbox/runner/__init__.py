"""Task attempts as local processes: command line, environment, code, process group, results. Never imports flytekit."""
