"""What a command's exit status says; 0 is that all went well."""

FAILED_EPISODES = 1
USER_ERROR = 2
INTERRUPTED = 130
