"""What tests of several folders share; a folder takes from here and never from its neighbour."""
