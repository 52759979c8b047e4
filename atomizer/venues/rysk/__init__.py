"""Rysk Finance V12, maker side: RFQs in on one socket an asset, signed quotes out on the maker socket."""
