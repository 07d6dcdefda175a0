"""What a command's exit status says; 0 is that all went well, 128 and more which signal has ended it."""

FAILED_EPISODES = 1
FAILED_REQUESTS = 1
USER_ERROR = 2
