"""Who may ask this sandbox anything: nobody is asked on loopback, unless a test wants a Flyte that asks for tokens."""
