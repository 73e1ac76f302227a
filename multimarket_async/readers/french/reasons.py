"""French of the quarantine's reasons, also on the page: their codes, and the sentences about a value or a file."""

REASONS = {
    "ambiguous_dates": "dates ambiguës",
    "amount_too_large": "montant trop grand",
    "bad_date": "date invalide",
    "bad_line": "ligne invalide",
    "bad_quoting": "guillemets mal placés",
    "conflict": "contredit ce qui est stocké",
    "damaged_gzip": "gzip endommagé",
    "damaged_workbook": "classeur endommagé",
    "date_in_future": "date dans le futur",
    "document_too_large": "document trop grand",
    "duplicate_column": "colonne en double",
    "duplicate_key": "clé en double",
    "empty_file": "fichier vide",
    "empty_text": "texte vide",
    "field_too_long": "champ trop long",
    "file_too_large": "fichier trop grand",
    "integer_out_of_range": "entier hors limites",
    "line_too_long": "ligne trop longue",
    "lone_surrogate": "moitié de caractère",
    "missing_column": "colonne manquante",
    "missing_field": "champ manquant",
    "missing_value": "valeur manquante",
    "no_workbook_reader": "lecteur de classeurs non installé",
    "not_a_boolean": "pas un booléen",
    "not_a_number": "pas un nombre",
    "not_a_regular_file": "pas un fichier ordinaire",
    "not_an_amount": "pas un montant",
    "not_an_integer": "pas un entier",
    "not_an_object": "pas un objet",
    "not_storable": "impossible à stocker",
    "not_utf8": "pas en UTF-8",
    "nul_character": "caractère nul",
    "nul_in_key": "caractère nul dans une clé",
    "out_of_range": "hors limites",
    "parser_failed": "le lecteur a échoué",
    "refused_by_mongodb": "refusé par MongoDB",
    "still_changing": "encore en cours d'écriture",
    "syntax_error": "erreur de syntaxe",
    "too_deep": "trop imbriqué",
    "truncated": "tronqué",
    "unclosed_quote": "guillemet non fermé",
    "unknown": "raison inconnue",
    "unreadable": "illisible",
    "written_after_storing": "écrit après l'enregistrement",
    "wrong_encoding": "mauvais encodage",
    "wrong_field_count": "mauvais nombre de champs",
    "wrong_type": "mauvais type",
}
SENTENCES = {
    # of values
    "an object": "un objet",
    "a list": "une liste",
    "a whole number": "un nombre entier",
    "a number": "un nombre",
    "an amount": "un montant",
    # of JSON
    "The file is empty": "Le fichier est vide",
    "The file holds only white space": "Le fichier ne contient que des espaces",
    "This is not JSON: {}": "Ce n'est pas du JSON : {}",
    "{}, found {}": "{}, trouvé : {}",
    "{}, at line {}, column {}": "{}, ligne {}, colonne {}",
    "The text ends too early": "Le texte s'arrête trop tôt",
    "expecting value": "une valeur est attendue",
    "expecting ',' delimiter": "une virgule est attendue",
    "expecting ':' delimiter": "un deux-points est attendu",
    "expecting property name enclosed in double quotes": "un nom entre guillemets est attendu",
    "illegal trailing comma before end of object": "une virgule est de trop avant la fin de l'objet",
    "illegal trailing comma before end of array": "une virgule est de trop avant la fin de la liste",
    "extra data": "du texte suit la fin",
    "invalid control character": "caractère de contrôle non autorisé",
    "invalid \\escape": "échappement non valide",
    "{} is expected": "{} est attendu",
    "Here too many objects and lists lie inside each other": "Ici trop d'objets et de listes sont imbriqués",
    "more than {} objects and lists are nested in each other": "plus de {} objets et listes sont imbriqués",
    "The key {} is given twice in the same object": "La clé {} est donnée deux fois dans le même objet",
    "The key {} is given twice": "La clé {} est donnée deux fois",
    "The key {} holds a NUL character, which no key may": "La clé {} contient un caractère NUL, interdit",
    "The text {} holds half of a two-part \\u escape, which stands for no character": (
        "Le texte {} contient la moitié d'un échappement \\u double, qui ne désigne aucun caractère"
    ),
    "The whole number {} is too large: it needs more than 64 bits": (
        "Le nombre entier {} est trop grand : il lui faut plus de 64 bits"
    ),
    "{} is not a number that can be stored or summed": "{} n'est pas un nombre que l'on peut stocker ou additionner",
    "The byte {} is not UTF-8 (save the file as UTF-8)": (
        "L'octet {} n'est pas en UTF-8 (enregistrez le fichier en UTF-8)"
    ),
    "The byte {} at line {} is not {} text": "L'octet {} de la ligne {} n'est pas du texte {}",
    "The file looks like UTF-16 text; save it as UTF-8": "Le fichier semble être en UTF-16 ; enregistrez-le en UTF-8",
    "The file is UTF-16 text; save it as UTF-8": "Le fichier est en UTF-16 ; enregistrez-le en UTF-8",
    "A record is an object, and not {}": "Un enregistrement est un objet, et non {}",
    "The file has nothing at {}, where its records should be": (
        "Le fichier n'a rien en {}, là où devraient être ses enregistrements"
    ),
    # of CSV and workbooks
    "A quote is opened on this line and not closed": "Un guillemet est ouvert sur cette ligne et n'est pas fermé",
    "Too many quotes are opened and never closed, at last on line {}": (
        "Trop de guillemets sont ouverts et jamais fermés, le dernier à la ligne {}"
    ),
    "Text stands behind a closing quote, before the delimiter": (
        "Du texte suit un guillemet fermant, avant le séparateur"
    ),
    "A value has more than {} characters": "Une valeur a plus de {} caractères",
    "Line {} has more than {} characters": "La ligne {} a plus de {} caractères",
    "The row has {} fields; the header has {}": "La ligne a {} champs ; l'en-tête en a {}",
    "The header lacks {}; it has {}": "Il manque {} à l'en-tête, qui a {}",
    "The header has twice what is one column: {}": "L'en-tête donne deux fois la même colonne : {}",
    "The compressed file ends too early": "Le fichier compressé s'arrête trop tôt",
    "The compressed file is damaged: {}": "Le fichier compressé est endommagé : {}",
    "The workbook is damaged: {}": "Le classeur est endommagé : {}",
    "The file holds more bytes than its feed allows": "Le fichier contient plus d'octets que son flux n'en permet",
    "The workbook holds more bytes than its feed allows": "Le classeur contient plus d'octets que son flux n'en permet",
    "Workbooks are read with an extra: {}": "Lire des classeurs demande un complément : {}",
    # of a column
    "{}: a value is missing": "{} : une valeur manque",
    "{}: {} is not {}": "{} : {} n'est pas {}",
    "{}: {} is none of {}": "{} : {} n'est aucun de {}",
    "{}: {} is against the rule: {}": "{} : {} enfreint la règle : {}",
    "{}: {} holds a NUL character": "{} : {} contient un caractère NUL",
    "{}: {} is not a date in the order {} and a time": "{} : {} n'est pas une date dans l'ordre {} et une heure",
    "{}: {} is not a date in the order {}": "{} : {} n'est pas une date dans l'ordre {}",
    "{}: {} is too large: it needs more than 64 bits": "{} : {} est trop grand : il lui faut plus de 64 bits",
    "{}: {} is too large": "{} : {} est trop grand",
    "{} is no amount": "{} n'est pas un montant",
    # of files and what is stored
    "a link, directory, pipe or device, where a file was expected": (
        "un lien, un dossier, un tube ou un périphérique, là où un fichier était attendu"
    ),
    "{} bytes; the limit (max_file_bytes) is {}": "{} octets ; la limite (max_file_bytes) est de {}",
    "It has {} bytes; its feed takes {}": "Il a {} octets ; son flux en accepte {}",
    "it cannot be read: {}": "il ne peut pas être lu : {}",
    "its size changed while it was being read": "sa taille a changé pendant la lecture",
    "it was written to while it was being read": "on y a écrit pendant la lecture",
    "its writer went on after it was stored: the document is from its first {} bytes": (
        "son auteur a continué d'écrire après l'enregistrement : le document vient de ses {} premiers octets"
    ),
    "its writer wrote over it after it was stored: the document is from what was there before": (
        "son auteur l'a réécrit après l'enregistrement : le document vient de ce qui s'y trouvait avant"
    ),
    "{} is stored already with other content ({}): a person must decide": (
        "{} est déjà enregistré avec un autre contenu ({}) : une personne doit décider"
    ),
    "this follow-up of {}": "ce suivi de {}",
    "no field, only how it is written": "aucun champ, seule l'écriture diffère",
    "MongoDB refuses {}: {}": "MongoDB refuse {} : {}",
    "follow-ups of other documents are stored under this key": "des suivis d'autres documents ont cette clé",
    "MongoDB cannot hold this document: {}": "MongoDB ne peut pas contenir ce document : {}",
    "the document takes {} bytes in MongoDB; the limit is 16 MiB": (
        "le document prend {} octets dans MongoDB ; la limite est de 16 Mio"
    ),
    "the feed's reader failed on it: {}": "le lecteur du flux a échoué : {}",
    "the domain failed on it: {}": "le domaine a échoué : {}",
    "{} is {} UTC, in the future (the setting max_ahead_days allows for clocks)": (
        "{} est le {} UTC, dans le futur (le réglage max_ahead_days tolère un écart d'horloge)"
    ),
    "some of its records were erased, and with them the sentence": (
        "certains de ses enregistrements ont été effacés, et la phrase avec eux"
    ),
    "its reason file is missing or damaged": "le fichier de son motif manque ou est endommagé",
}
