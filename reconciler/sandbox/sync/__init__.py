"""GRASP-02, proactive sync: one embedded server fetches events and git data from others."""
