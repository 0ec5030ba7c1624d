"""msrp"""
