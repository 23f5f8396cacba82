"""How a trial of the settings goes, by the codes that get through, and what becomes of it when its time is up."""
