"""The names, places and codes of the sample records. People, places and site codes are invented."""

from dataclasses import dataclass
from typing import Final

SNOMED: Final = "http://snomed.info/sct"
FORMULARY: Final = "https://formulary.example.org/products"
LOINC: Final = "http://loinc.org"
UCUM: Final = "http://unitsofmeasure.org"
CARE_CONNECT: Final = "https://fhir.hl7.org.uk/STU3"

FEMALE_NAMES: Final = (
    *("Amelia", "Bronwen", "Chloë", "Deborah", "Eilidh", "Fatima", "Gráinne", "Harriet", "Imogen", "Jasmine"),
    *("Kirsty", "Leila", "Maeve", "Niamh", "Olivia", "Priya", "Rhiannon", "Siân", "Tamsin", "Zoë"),
)
MALE_NAMES: Final = (
    *("Alistair", "Bartosz", "Callum", "Dewi", "Edmund", "Farid", "Gethin", "Hamish", "Iolo", "Jude"),
    *("Kieran", "Luca", "Mohammed", "Nathaniel", "Owain", "Rajesh", "Seán", "Tomasz", "Vivek", "Wilfred"),
)
FAMILY_NAMES: Final = (
    *("Ashworth", "Bellwether", "Carrick", "Dunmore", "Eastgate", "Farrow", "Gwynne", "Hollis", "Iqbal", "Jardine"),
    *("Kowalski", "Llewellyn", "Murgatroyd", "Nørgaard", "Okafor", "Pemberton", "Quayle", "Rahman"),
    *(
        "Sandhu",
        "Treharne",
        "Underhill",
        "Vickers",
        "Whittaker",
        "Yardley",
        "O'Driscoll",
        "Brontë",
        "Küçük",
        "Ferreira-Lopes",
    ),
)

STREETS: Final = (
    *("Alder Row", "Bobbin Lane", "Canal Terrace", "Dovecote Rise", "Ferry Hill", "Gable Close"),
    *("Heron Way", "Kiln Street", "Lantern Yard", "Miller's Croft", "Orchard Bank", "Tanner's Walk"),
)


@dataclass(frozen=True, slots=True)
class Town:
    """An invented town: name, outward half of its postcodes (no such area exists), telephone code."""

    name: str
    district: str
    outward: str
    telephone: str
    nation: str = "England"


# Telephone numbers that Ofcom reserves for fiction.
TOWNS: Final = (
    Town("Harrowbeck", "North Calderdale", "XB1", "01632 960"),
    Town("Lindale Moor", "North Calderdale", "XB4", "0113 496 0"),
    Town("St Brannock", "Tamarshire", "XT2", "0117 496 0"),
    Town("Porth Gwyn", "Sir Afon", "XW7", "029 2018 0", "Wales"),
)


@dataclass(frozen=True, slots=True)
class Code:
    """A code with its system and display text."""

    code: str
    display: str
    system: str = SNOMED


@dataclass(frozen=True, slots=True)
class Measurement:
    """A kind of measurement: its codes, the range of its values, and their number of decimals."""

    codes: tuple[Code, ...]
    low: float
    high: float
    decimals: int
    unit: str
    ucum: str
    category: str = "vital-signs"
    usual: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Medicine:
    """A product of the sample's formulary, with its dm+d code if that is certain."""

    key: str
    name: str
    substance: Code
    dose: str
    dm_d: str = ""


ETHNIC_CATEGORIES: Final = tuple(
    Code(code, display, f"{CARE_CONNECT}/CodeSystem/CareConnect-EthnicCategory-1")
    for code, display in (
        ("A", "British, Mixed British"),
        ("B", "Irish"),
        ("C", "Any other White background"),
        ("H", "Indian or British Indian"),
        ("J", "Pakistani or British Pakistani"),
        ("M", "Caribbean"),
        ("N", "African"),
        ("Z", "Not stated"),
    )
)
MARITAL_STATUSES: Final = tuple(
    Code(code, display, "http://hl7.org/fhir/v3/MaritalStatus")
    for code, display in (("S", "Never Married"), ("M", "Married"), ("D", "Divorced"), ("W", "Widowed"))
)

CONDITIONS: Final = (
    Code("195967001", "Asthma"),
    Code("38341003", "Hypertensive disorder"),
    Code("44054006", "Diabetes mellitus type 2"),
    Code("13645005", "Chronic obstructive lung disease"),
    Code("396275006", "Osteoarthritis"),
    Code("35489007", "Depressive disorder"),
    Code("40930008", "Hypothyroidism"),
    Code("49436004", "Atrial fibrillation"),
    Code("37796009", "Migraine"),
    Code("24079001", "Atopic dermatitis"),
    Code("709044004", "Chronic kidney disease"),
)
OSTEOARTHRITIS: Final = "396275006"
KNEE: Final = Code("49076000", "Knee joint structure")
SEVERITIES: Final = (Code("255604002", "Mild"), Code("6736007", "Moderate severity"), Code("24484000", "Severe"))
CHEST_PAIN: Final = Code("29857009", "Chest pain")
SURGICAL: Final = Code("387713003", "Surgical procedure")
DIAGNOSTIC: Final = Code("103693007", "Diagnostic procedure")
OPERATIONS: Final = ("80146002", "52734007")
PROCEDURES: Final = (
    Code("29303009", "Electrocardiographic procedure"),
    Code("40701008", "Echocardiography"),
    Code("399208008", "Plain chest X-ray"),
    Code("73761001", "Colonoscopy"),
    Code("80146002", "Appendectomy"),
    Code("127783003", "Spirometry"),
    Code("52734007", "Total replacement of hip"),
)
ALLERGIES: Final = (
    (Code("91936005", "Allergy to penicillin"), "medication"),
    (Code("294505008", "Allergy to amoxicillin"), "medication"),
    (Code("91935009", "Allergy to peanut"), "food"),
    (Code("300913006", "Allergy to shellfish"), "food"),
    (Code("300916003", "Allergy to latex"), "environment"),
    (Code("418689008", "Allergy to grass pollen"), "environment"),
)
REACTIONS: Final = (
    Code("271807003", "Eruption of skin"),
    Code("247472004", "Wheal"),
    Code("56018004", "Wheezing"),
    Code("422587007", "Nausea"),
)
VACCINATIONS: Final = (
    Code("86198006", "Influenza vaccination"),
    Code("38598009", "Measles, mumps and rubella vaccination"),
    Code("12866006", "Pneumococcal vaccination"),
    Code("16584000", "Hepatitis B vaccination"),
    Code("76668005", "Diphtheria, pertussis and tetanus vaccination"),
)
ENCOUNTER_TYPES: Final = (
    Code("185345009", "Encounter for symptom"),
    Code("390906007", "Follow-up encounter"),
    Code("185349003", "Encounter for check up"),
)
SMOKING: Final = (
    Code("266919005", "Never smoked tobacco"),
    Code("8517006", "Ex-smoker"),
    Code("77176002", "Smoker"),
)

SYSTOLIC: Final = Measurement(
    (Code("8480-6", "Systolic blood pressure", LOINC), Code("271649006", "Systolic blood pressure")),
    *(104, 152, 0, "mmHg", "mm[Hg]"),
)
DIASTOLIC: Final = Measurement(
    (Code("8462-4", "Diastolic blood pressure", LOINC), Code("271650006", "Diastolic blood pressure")),
    *(62, 94, 0, "mmHg", "mm[Hg]"),
)
BLOOD_PRESSURE: Final = (
    Code("85354-9", "Blood pressure panel with all children optional", LOINC),
    Code("75367002", "Blood pressure"),
)
HEART_RATE: Final = Measurement(
    (Code("8867-4", "Heart rate", LOINC), Code("364075005", "Heart rate")), 54, 98, 0, "beats/minute", "/min"
)
BODY_TEMPERATURE: Final = Measurement(
    (Code("8310-5", "Body temperature", LOINC), Code("386725007", "Body temperature")), 36, 38, 1, "C", "Cel"
)
BODY_WEIGHT: Final = Measurement(
    (Code("29463-7", "Body weight", LOINC), Code("27113001", "Body weight")), 52, 104, 2, "kg", "kg"
)
BODY_HEIGHT: Final = Measurement(
    (Code("8302-2", "Body height", LOINC), Code("50373000", "Body height")), 151, 193, 1, "cm", "cm"
)
HBA1C: Final = Measurement(
    (Code("4548-4", "Hemoglobin A1c/Hemoglobin.total in Blood", LOINC),),
    *(4.9, 8.6, 2, "%", "%", "laboratory", ("4.00", "6.00")),
)
MEASUREMENTS: Final = (
    HEART_RATE,
    BODY_TEMPERATURE,
    BODY_WEIGHT,
    BODY_HEIGHT,
    HBA1C,
    Measurement(
        (Code("14647-2", "Cholesterol [Moles/volume] in Serum or Plasma", LOINC),),
        *(3.4, 6.8, 2, "mmol/L", "mmol/L", "laboratory", ("0.00", "5.00")),
    ),
    Measurement(
        (Code("14682-9", "Creatinine [Moles/volume] in Serum or Plasma", LOINC),),
        *(55, 128, 0, "umol/L", "umol/L", "laboratory", ("59", "104")),
    ),
)
OCCUPATION: Final = Code("11341-5", "History of Occupation", LOINC)
OCCUPATIONS: Final = ("Bus driver", "Joiner, retired", "Teacher of Welsh")
SMOKING_STATUS: Final = Code("72166-2", "Tobacco smoking status", LOINC)

MEDICINES: Final = (
    Medicine("paracetamol", "Paracetamol 500mg tablets", Code("387517004", "Paracetamol"), "two tablets", "322236009"),
    Medicine("aspirin", "Aspirin 75mg tablets", Code("387458008", "Aspirin"), "one tablet", "319775004"),
    Medicine("amoxicillin", "Amoxicillin 250mg capsules", Code("372687004", "Amoxicillin"), "one capsule", "323509004"),
    Medicine(
        "salbutamol",
        "Salbutamol 100micrograms/dose inhaler CFC free",
        Code("372897005", "Salbutamol"),
        "two puffs",
        "39113611000001102",
    ),
    Medicine("simvastatin", "Simvastatin 40mg tablets", Code("387584000", "Simvastatin"), "one tablet", "320000009"),
    Medicine("metformin", "Metformin 500mg tablets", Code("372567009", "Metformin"), "one tablet"),
    Medicine("ramipril", "Ramipril 5mg capsules", Code("386872004", "Ramipril"), "one capsule"),
    Medicine("omeprazole", "Omeprazole 20mg gastro-resistant capsules", Code("387137007", "Omeprazole"), "one capsule"),
)
DOSE_FORMS: Final = {
    "tablets": Code("385055001", "Tablet dose form"),
    "capsules": Code("385049006", "Capsule"),
}
# Medicines of the stories only, separate so that the random choices from the formulary stay the same.
STORY_MEDICINES: Final = (Medicine("losartan", "Losartan 50mg tablets", Code("373567002", "Losartan"), "one tablet"),)

HOSPITAL_UNIT: Final = Code("HU", "Hospital unit", "http://hl7.org/fhir/v3/RoleCode")
SPECIALTIES: Final = (
    Code("394579002", "Cardiology"),
    Code("418112009", "Pulmonary medicine"),
    Code("722138006", "Physiotherapy"),
    Code("408443003", "General medical practice"),
)
HOME_CARE: Final = Code("hacc", "Home and Community Care", "http://hl7.org/fhir/episodeofcare-type")
INPATIENT: Final = {"system": "http://hl7.org/fhir/v3/ActCode", "code": "IMP", "display": "inpatient encounter"}


def medicine_called(key: str) -> Medicine:
    """Return the product with that key; raises `KeyError` if the formulary has none."""
    return {each.key: each for each in (*MEDICINES, *STORY_MEDICINES)}[key]
