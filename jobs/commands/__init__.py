"""The commands of certfactory: each module says first which are its own."""
