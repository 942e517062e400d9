"""Candidates, consents, vacancies, applications and lists from the files that other systems export."""
