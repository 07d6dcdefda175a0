"""What a command's exit status says; 0 is that all went well, and what a signal ends says which, as shells do: 128 + its number."""

FAILED_EPISODES = 1
USER_ERROR = 2
