"""The API's document and its reference page, both made from what the features say of themselves."""
