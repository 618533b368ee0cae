"""Embedded GRASP servers on loopback: relay and git smart HTTP on one port."""
