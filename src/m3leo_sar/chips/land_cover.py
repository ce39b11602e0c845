"""Land-cover codes, their names and colours: ESA WorldCover's legend."""

from __future__ import annotations

#: ESA WorldCover codes in order, with their names; the position is the class.
WORLDCOVER = {
    10: "tree cover",
    20: "shrubland",
    30: "grassland",
    40: "cropland",
    50: "built-up",
    60: "bare",
    70: "snow and ice",
    80: "water",
    90: "wetland",
    95: "mangroves",
    100: "moss and lichen",
}
#: Colours of ESA WorldCover's own legend, by code.
WORLDCOVER_COLOURS = {
    10: "#006400",
    20: "#ffbb22",
    30: "#ffff4c",
    40: "#f096ff",
    50: "#fa0000",
    60: "#b4b4b4",
    70: "#f0f0f0",
    80: "#0064c8",
    90: "#0096a0",
    95: "#00cf75",
    100: "#fae6a0",
}
#: Codes that no legend knows; no class has black.
UNKNOWN_COLOUR = "#000000"
