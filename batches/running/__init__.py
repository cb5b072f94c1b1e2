"""From a file of requests to files of answers, in a control worker."""
