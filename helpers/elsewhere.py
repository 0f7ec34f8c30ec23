"""Small hand-written tests for models that leave the ground they were trained on: health, finance, other languages, a classroom.

All sentences were written for this course, CC0, by one author in one sitting; all names in them are invented, and no real person or
firm is meant. A few dozen sentences show a large gap, not a small one: give an interval with every share that you compute from them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from helpers.errors import CourseError

_MARK = re.compile(r"\[([^\[\]]+) ([A-Z]+)\]")

# PER, ORG and LOC only. MISC is left out: whether a disease, a drug or a currency is one, guidelines disagree.
ENTITIES = {
    "health": [
        "[Mirela Oduya PER] was admitted to the [Saint Brannoc Clinic ORG] in [Leeds LOC] with chest pain.",
        "Dr [Tavi Lindqvist PER] stopped the metformin and started her on insulin glargine.",
        "He has had Crohn's disease since 2009 and takes azathioprine twice a day.",
        "The [Northmoor Hospital Trust ORG] will close its burns unit in [Plymouth LOC] next spring.",
        "An outbreak of measles was reported near [Lyon LOC] by the [Rhone Health Board ORG].",
        "Amoxicillin was given for seven days; Staphylococcus aureus grew from the second swab.",
        "The patient, a Portuguese roofer, denies any allergy to penicillin.",
        "Nurse [Ilka Ferreyra PER] noted a coma scale of 13 on arrival.",
        "Trial results from [Velmora Pharma ORG] show no benefit over placebo in Parkinson's disease.",
        "She was transferred from [Dundee LOC] to [Glasgow LOC] for a Whipple procedure.",
        "MRI of the lumbar spine shows a disc bulge at L4/L5 without stenosis.",
        "Professor [Anselm Okoro PER] leads the asthma clinic at [Hartsfell University ORG].",
        "Warfarin was changed to apixaban because the INR could not be kept in range.",
        "The inquest heard that [Corwen Tay PER] had waited nine hours in [Cardiff LOC].",
        "Vitamin D was low and Helicobacter pylori was positive.",
        "A Swedish team from the [Malm Institute ORG] tested the vaccine in [Kenya LOC].",
    ],
    "finance": [
        "[Nordwind Holding ORG] raised its full-year outlook after a strong quarter in [Asia LOC].",
        "EBITDA came in at EUR 41m, against a consensus of 38m.",
        "[Petra Valdane PER], chief financial officer of [Halcyra ORG], will step down in May.",
        "The ECB-style rate path is priced in, and the yield curve inverted further.",
        "[Brightwater Bank ORG] wrote off USD 90m on offices in [Chicago LOC].",
        "Q3 FY24 GAAP EPS was $0.42; free cash flow turned negative.",
        "Shares of [Kestrelin ORG] fell 12 percent in [London LOC] on Tuesday.",
        "The German regulator fined [Ostbruck Credit ORG] over late filings.",
        "Goodwill was impaired, and the dividend was passed.",
        "[Tomas Brevik PER] bought 4,000 call options before the [Larkspur Foods ORG] bid.",
        "[Veltrix ORG] issued CHF 200m of subordinated notes due 2031.",
        "[Sorin Maddox PER] of [Palefield Capital ORG] remains short.",
        "The spread over Bunds widened to 180 basis points.",
        "An IPO of [Quillon Energy ORG] in [Oslo LOC] was put off to next year.",
        "[Arvane Steel ORG] bought a Dutch rival from [Montreux LOC].",
        "LIFO reserves fell, while SG&A was flat at 14 percent of sales.",
    ],
}

# Good or bad news for the patient, and for the owner of the shares.
NEWS = {
    "health": [
        ("The biopsy was negative for cancer cells.", "positive"),
        ("The scan shows no sign of the tumour.", "positive"),
        ("Her blood pressure has come down to normal.", "positive"),
        ("He walked without pain for the first time since the fall.", "positive"),
        ("The wound is closed and the fever is gone.", "positive"),
        ("The rash disappeared within two days.", "positive"),
        ("No further seizures were seen since the dose was raised.", "positive"),
        ("She no longer needs oxygen.", "positive"),
        ("The infection was ruled out.", "positive"),
        ("Risk of a second stroke is now low.", "positive"),
        ("The test for hepatitis came back positive.", "negative"),
        ("The tumour is growing in spite of treatment.", "negative"),
        ("He stopped breathing twice during the night.", "negative"),
        ("Her kidney values are rising from week to week.", "negative"),
        ("The patient is not responding to antibiotics.", "negative"),
        ("A positive margin was found after the operation.", "negative"),
        ("The pain is stronger than before surgery.", "negative"),
        ("An enlarged heart was seen on the X-ray.", "negative"),
        ("She has lost the sight of her left eye.", "negative"),
        ("He developed a high temperature overnight.", "negative"),
    ],
    "finance": [
        ("Costs fell faster than sales.", "positive"),
        ("The loss was smaller than analysts had feared.", "positive"),
        ("Net debt was cut by half.", "positive"),
        ("Margins widened for the fourth quarter in a row.", "positive"),
        ("The bank released provisions for bad loans.", "positive"),
        ("Order intake rose by a fifth.", "positive"),
        ("The company lifts its dividend to 40 cents.", "positive"),
        ("Short sellers were forced to buy back.", "positive"),
        ("The lawsuit was dropped without payment.", "positive"),
        ("Churn dropped to a record low.", "positive"),
        ("Operating profit fell short of the forecast.", "negative"),
        ("Costs rose faster than sales.", "negative"),
        ("The dividend will be suspended.", "negative"),
        ("Inventories grew to a record high.", "negative"),
        ("The company issued a profit warning.", "negative"),
        ("Bad loans rose sharply.", "negative"),
        ("The rating was cut to junk.", "negative"),
        ("Auditors refused to sign the accounts.", "negative"),
        ("New shares will dilute existing holders by a third.", "negative"),
        ("Revenue growth slowed to a crawl.", "negative"),
    ],
}

# The same eight sentences in each language, in the same order.
TRANSLATIONS = {
    "English": "The dog is sleeping in the house.|My mother bought a new book.|It will rain tomorrow.|The train is late."
    "|We are drinking tea in the garden.|The child is afraid of the dark.|The doctor works at night.|The shop is closed on Sunday.",
    "German": "Der Hund schläft im Haus.|Meine Mutter hat ein neues Buch gekauft.|Morgen wird es regnen.|Der Zug hat Verspätung."
    "|Wir trinken Tee im Garten.|Das Kind fürchtet sich vor der Dunkelheit.|Der Arzt arbeitet nachts.|Das Geschäft ist am Sonntag geschlossen.",
    "French": "Le chien dort dans la maison.|Ma mère a acheté un nouveau livre.|Il va pleuvoir demain.|Le train est en retard."
    "|Nous buvons du thé dans le jardin.|L'enfant a peur du noir.|Le médecin travaille la nuit.|Le magasin est fermé le dimanche.",
    "Finnish": "Koira nukkuu talossa.|Äitini osti uuden kirjan.|Huomenna sataa.|Juna on myöhässä."
    "|Juomme teetä puutarhassa.|Lapsi pelkää pimeää.|Lääkäri työskentelee yöllä.|Kauppa on kiinni sunnuntaina.",
    "Swahili": "Mbwa analala ndani ya nyumba.|Mama yangu alinunua kitabu kipya.|Kesho mvua itanyesha.|Treni imechelewa."
    "|Tunakunywa chai bustanini.|Mtoto anaogopa giza.|Daktari anafanya kazi usiku.|Duka limefungwa Jumapili.",
    "Russian": "Собака спит в доме.|Моя мама купила новую книгу.|Завтра будет дождь.|Поезд опаздывает."
    "|Мы пьём чай в саду.|Ребёнок боится темноты.|Врач работает ночью.|Магазин закрыт в воскресенье.",
    "Hindi": "कुत्ता घर में सो रहा है।|मेरी माँ ने एक नई किताब खरीदी।|कल बारिश होगी।|ट्रेन देर से आ रही है।"
    "|हम बगीचे में चाय पी रहे हैं।|बच्चा अँधेरे से डरता है।|डॉक्टर रात में काम करता है।|दुकान रविवार को बंद रहती है।",
    "Georgian": "ძაღლი სახლში წევს.|დედაჩემმა ახალი წიგნი იყიდა.|ხვალ წვიმა იქნება.|მატარებელი იგვიანებს."
    "|ჩვენ ბაღში ჩაის ვსვამთ.|ბავშვს სიბნელის ეშინია.|ექიმი ღამით მუშაობს.|მაღაზია კვირას დაკეტილია.",
    "Amharic": "ውሻው ቤት ውስጥ ተኝቷል።|እናቴ አዲስ መጽሐፍ ገዛች።|ነገ ዝናብ ይዘንባል።|ባቡሩ ዘግይቷል።"
    "|በአትክልቱ ውስጥ ሻይ እንጠጣለን።|ልጁ ጨለማን ይፈራል።|ሐኪሙ ማታ ይሠራል።|ሱቁ እሁድ ዝግ ነው።",
}

# Question, model answer, a student's answer, whether it is right.
CLASSROOM = [
    ("Why do we have seasons?", "The axis of the Earth is tilted.", "Because the Earth's axis is tilted.", True),
    ("Why do we have seasons?", "The axis of the Earth is tilted.", "The axis of the Earth is not tilted.", False),
    ("What do plants take in?", "Plants take in carbon dioxide.", "Carbon dioxide is taken in by plants.", True),
    ("What do plants take in?", "Plants take in carbon dioxide.", "Plants give off carbon dioxide.", False),
    ("What does the heart do?", "The heart pumps blood through the body.", "It pumps blood around the body.", True),
    (
        "What does the heart do?",
        "The heart pumps blood through the body.",
        "The heart cleans the blood of the body.",
        False,
    ),
    (
        "When does water boil?",
        "Water boils at one hundred degrees.",
        "At a hundred degrees, water starts to boil.",
        True,
    ),
    ("When does water boil?", "Water boils at one hundred degrees.", "Water freezes at one hundred degrees.", False),
    ("Is a whale a fish?", "A whale is a mammal and not a fish.", "No, whales are mammals, not fish.", True),
    ("Is a whale a fish?", "A whale is a mammal and not a fish.", "A whale is a fish and not a mammal.", False),
    ("Where does the sun rise?", "The sun rises in the east.", "In the east the sun comes up.", True),
    ("Where does the sun rise?", "The sun rises in the east.", "The sun rises in the west.", False),
    (
        "Does sound travel in a vacuum?",
        "Sound cannot travel through a vacuum.",
        "No, in a vacuum there is no sound.",
        True,
    ),
    (
        "Does sound travel in a vacuum?",
        "Sound cannot travel through a vacuum.",
        "Sound can travel through a vacuum.",
        False,
    ),
    ("What do magnets attract?", "Magnets attract iron.", "Iron is attracted by magnets.", True),
    ("What do magnets attract?", "Magnets attract iron.", "Magnets push iron away.", False),
]


def unmarked(marked: str) -> tuple[str, list[tuple[int, int, str]]]:
    """``"[Ada PER] left."`` -> the text without marks, and (start, end, type) of each entity, in characters.

    Raises:
        CourseError: a bracket is left over.
    """
    text, found, last = "", [], 0
    for match in _MARK.finditer(marked):
        text += marked[last : match.start()]
        found.append((len(text), len(text) + len(match[1]), match[2]))
        text, last = text + match[1], match.end()
    text += marked[last:]
    if "[" in text or "]" in text:
        raise CourseError(f"A mark in {marked!r} is not whole: it must look like [Ada PER].")
    return text, found


def entity_counts(
    found: Sequence[Sequence[tuple[int, int, str]]], true: Sequence[Sequence[tuple[int, int, str]]]
) -> tuple:
    """Over all texts: how many entities are right in place and type, how many were found, how many there are.

    Raises:
        CourseError: there is not a list of found entities a text.
    """
    if len(found) != len(true):
        raise CourseError(f"There are entities for {len(found)} texts, and {len(true)} texts; each needs its list.")
    right = sum(len(set(own) & set(gold)) for own, gold in zip(found, true, strict=True))
    return right, sum(map(len, found)), sum(map(len, true))
