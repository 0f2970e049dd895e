"""River's detectors by name: uncalibrated, chosen per monitor."""
