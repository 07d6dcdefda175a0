"""Adaptive bitrate: choose each video chunk's quality so that the viewer sees a sharp, steady, unbroken picture."""
