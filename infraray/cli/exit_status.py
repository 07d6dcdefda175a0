"""Exit statuses of commands; 0 means that all went well, 128 and more tell which signal ended it."""

FAILED_EPISODES = 1
FAILED_REQUESTS = 1
USER_ERROR = 2
