"""French by the English text, or by its template.

In it, `{}` is any value, `{name}` one that stays as it is, and `{code}` the code of a reason. A sentence is looked up
without the full stop at its end; the values in it are said in French likewise. REASONS and SENTENCES are what the
quarantine says, also on the page; TERMINAL is the rest of what commands print.
"""

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
TERMINAL = {
    "error: {}": "erreur : {}",
    # of the feeds
    "Feed": "Flux",
    "Received": "Reçus",
    "Waiting": "En attente",
    "Oldest": "Plus ancien",
    "Stored": "Enregistrés",
    "Duplicate": "Doublons",
    "Superseded": "Remplacés",
    "Quarantined": "En quarantaine",
    "Why": "Motif",
    "A minute": "Par minute",
    "stored": "enregistrés",
    "duplicate": "doublons",
    "superseded": "remplacés",
    "rejected": "rejetés",
    "erased": "effacés",
    "{} s": "{} s",
    "{}: {} received; {} waiting, {} stored,": "{} : {} reçus ; {} en attente, {} enregistrés,",
    "{}: {} received; {} waiting (oldest {} s), {} stored,": (
        "{} : {} reçus ; {} en attente (le plus ancien {} s), {} enregistrés,"
    ),
    "{} duplicate, {} superseded, {} quarantined": "{} doublons, {} remplacés, {} en quarantaine",
    "{}: {} follow-ups wait for their document": "{} : {} suivis attendent leur document",
    "{}: {} records received = {}": "{} : {} enregistrements reçus = {}",
    "{}: {} rejected records are in quarantine ({})": "{} : {} enregistrements rejetés sont en quarantaine ({})",
    "{}: {} accepted files are not in the archive; `verify` cannot see them": (
        "{} : {} fichiers acceptés ne sont pas dans l'archive ; `verify` ne peut pas les voir"
    ),
    "{}: files were removed because of their age: {} of the archive, {} in quarantine": (
        "{} : des fichiers ont été supprimés en raison de leur âge : {} archivés, {} en quarantaine"
    ),
    "{}: {} documents were removed because of their age": "{} : {} documents ont été supprimés en raison de leur âge",
    "{}: {} files were written to after they were stored; what was written is in quarantine (written_after_storing) or"
    " was delivered again": (
        "{} : on a écrit dans {} fichiers après leur enregistrement ; l'ajout est en quarantaine"
        " (written_after_storing) ou a été livré à nouveau"
    ),
    "{}: {} more files were accepted into the archives of other data folders": (
        "{} : {} autres fichiers ont été acceptés dans les archives d'autres dossiers de données"
    ),
    "{}: {} files of another kind, such as {}, stay where they are": (
        "{} : {} fichiers d'un autre type, comme {}, restent où ils sont"
    ),
    "{} entries beside the landing directories, such as {}, belong to no feed": (
        "{} entrées à côté des dossiers de dépôt, comme {}, n'appartiennent à aucun flux"
    ),
    "Disk: {} ({}); {} free": "Disque : {} ({}) ; {} libres",
    "waiting {}, archive {}, quarantine {}": "en attente {}, archive {}, quarantaine {}",
    "No latency report yet: a collecting process writes one every minute and when it ends": (
        "Pas encore de mesure de latence : un processus qui collecte en écrit une chaque minute et à sa fin"
    ),
    "Latency, {}: {}; {} of {} files over {} s (reported {} s ago)": (
        "Latence, {} : {} ; {} fichiers sur {} au-delà de {} s (mesuré il y a {} s)"
    ),
    "last minute": "dernière minute",
    "last hour": "dernière heure",
    "p50 {} s, p99 {} s, max {} s": "p50 {} s, p99 {} s, max {} s",
    "No KPI generation yet: `kpi refresh` measures what is stored": (
        "Pas encore de génération : `kpi refresh` mesure ce qui est enregistré"
    ),
    "KPI generation {} is as of {} UTC, {} s ago": "La génération {} date du {} UTC, il y a {} s",
    "KPI generation {} is as of {} UTC, {} s ago, and STALE: it lacks documents stored since": (
        "La génération {} date du {} UTC, il y a {} s, et est PÉRIMÉE : il lui manque des documents enregistrés depuis"
    ),
    "{} documents of others in the tables of {}: no figure counts them": (
        "{} documents d'autrui dans les tables de {} : aucun chiffre ne les compte"
    ),
    "KPI {} failed, and has no rows: {}": "L'indicateur {} a échoué et n'a pas de lignes : {}",
    "KPI {} failed, and is STALE: its rows are as of {} UTC: {}": (
        "L'indicateur {} a échoué et est PÉRIMÉ : ses lignes datent du {} UTC : {}"
    ),
    "Degraded: {} failing since {} UTC: {}": "Fonctionnement dégradé : {} en échec depuis le {} UTC : {}",
    "{}. Stored and KPIs are as they were last known": "{}. Enregistrés et indicateurs : dernier état connu",
    "Sink {} holds no generation yet": "La destination {} n'a pas encore de génération",
    "Sink {} holds generation {}": "La destination {} a la génération {}",
    "{}, {} behind since {}": "{}, {} de retard depuis le {}",
    "{}; failing since {}: {}": "{} ; en échec depuis le {} : {}",
    # of verify
    "Right: every file is accounted for, and the KPIs of generation {} agree to the cent": (
        "Juste : chaque fichier est justifié, et les indicateurs de la génération {} concordent au centime"
    ),
    "Right, as far as it can be seen here": "Juste, pour autant qu'on puisse le voir ici",
    "WRONG {}": "FAUX {}",
    "The {} holds generation {}: all of it, to the cent": "{} a la génération {} : entière, au centime",
    "{}: archived file {} is not valid any more: {}": "{} : le fichier archivé {} n'est plus valide : {}",
    "{}: {} is archived, but {} is not stored": "{} : {} est archivé, mais {} n'est pas enregistré",
    "{}: {} differs from what is stored as {}": "{} : {} diffère de ce qui est enregistré sous {}",
    "{}: {} is archived, and has no receipt": "{} : {} est archivé, et n'a pas de reçu",
    "{}: {} files are archived, but MongoDB knows {}": "{} : {} fichiers sont archivés, mais MongoDB connaît {}",
    "{}: {} rows published, the archived files give {}": (
        "{} : {} lignes publiées, les fichiers archivés en donnent {}"
    ),
    "{} row {}: {}": "{} ligne {} : {}",
    "an erasure begun at {} is not finished: run it again": (
        "un effacement commencé le {} n'est pas terminé : relancez-le"
    ),
    # of the quarantine
    "File": "Fichier",
    "Code": "Code",
    "Since": "Depuis",
    "{} files in quarantine": "{} fichiers en quarantaine",
    "{} files in quarantine, and {} records of other files": (
        "{} fichiers en quarantaine, et {} enregistrements d'autres fichiers"
    ),
    "changed": "modifié",
    "delivered {} more times": "livré {} fois de plus",
    "changed, delivered {} more times": "modifié, livré {} fois de plus",
    "{} records of {}": "{} enregistrements de {}",
    "{}: {} records of {}; the rest of it was accepted": "{} : {} enregistrements de {} ; le reste a été accepté",
    "{}: {code} at {}": "{} : {} en {}",
    "{}: {code}": "{} : {}",
    "{code} at {}: {}": "{} en {} : {}",
    "{code}: {}": "{} : {}",
    "also {}": "aussi {}",
    "line {}:": "ligne {} :",
    "list: {}": "liste : {}",
    "file: {}": "fichier : {}",
    "replayed before: {}, was {}": "déjà renvoyé : {}, c'était {}",
    "... and {} more; --format json shows all": "... et {} de plus ; --format json les montre tous",
    "The file has been changed since it was quarantined; the place is that in its old text": (
        "Le fichier a été modifié depuis sa mise en quarantaine ; l'endroit est celui de son ancien texte"
    ),
    "Its text cannot be shown: {}": "Son texte ne peut pas être montré : {}",
    "Correct it there, then send it back: {}": "Corrigez-le là, puis renvoyez-le : {}",
    "Correct `raw` there, line by line, then send them back: {}": (
        "Corrigez-y `raw`, ligne par ligne, puis renvoyez-les : {}"
    ),
    "`quarantine replay --changed` sends back the files that were changed since": (
        "`quarantine replay --changed` renvoie les fichiers modifiés depuis"
    ),
    # of doctor
    "Check": "Contrôle",
    "pseudonyms": "pseudonymes",
    "{} has them in place of {}": "{} en a au lieu de {}",
    "{} has IDs or pseudonyms of another key: a person counts as two, and `erase` does not find all of theirs. Set the"
    " earlier key again, or collect the archive anew into an empty database": (
        "{} a des identifiants ou des pseudonymes d'une autre clé : une personne compte pour deux, et `erase` ne trouve"
        " pas tout d'elle. Remettez la clé précédente, ou collectez l'archive à nouveau dans une base vide"
    ),
    "Found": "Constat",
    "warning": "attention",
    "fault": "défaut",
    "file operations": "opérations sur fichiers",
    "domains": "domaines",
    "time zone": "fuseau horaire",
    "data folder": "dossier de données",
    "file systems": "systèmes de fichiers",
    "disk space": "espace disque",
    "open files": "fichiers ouverts",
    "other users": "autres utilisateurs",
    "HTTP port": "port HTTP",
    "MongoDB version": "version de MongoDB",
    "clocks": "horloges",
    "rights": "droits",
    "journal": "journal",
    "database": "base de données",
    "collections": "collections",
    "indexes": "index",
    "documents": "documents",
    "sink {}": "destination {}",
    "jobs of {}": "travaux de {}",
    "compiled": "compilées",
    "in Python, at half the speed: install a C compiler and Python's headers, and multimarket-async again": (
        "en Python, deux fois moins vite : installez un compilateur C et les en-têtes de Python, puis à nouveau"
        " multimarket-async"
    ),
    "{name} on": "{} en service",
    "{} on Linux {}": "{} sous Linux {}",
    "{}, by the rules of tzdata {}, whatever this machine or MongoDB has": (
        "{}, selon les règles de tzdata {}, quelles que soient celles de cette machine ou de MongoDB"
    ),
    "{} cannot be written to: change its owner": "on ne peut pas écrire dans {} : changez son propriétaire",
    "{} cannot be written to: files cannot leave or enter it": (
        "on ne peut pas écrire dans {} : aucun fichier ne peut en sortir ni y entrer"
    ),
    "{} has the sticky bit: files of other users cannot leave it (chmod -t removes it)": (
        "{} a le bit collant : les fichiers d'autres utilisateurs ne peuvent pas en sortir (chmod -t l'enlève)"
    ),
    "{} (not there yet)": "{} (pas encore là)",
    "landing, archive and quarantine are on the same one": "dépôt, archive et quarantaine sont sur le même",
    "{} is on another one than its archive or quarantine: each file is copied instead of renamed": (
        "{} n'est pas sur celui de son archive ou de sa quarantaine : chaque fichier est copié au lieu d'être renommé"
    ),
    "can enter {}, where names and addresses are: chmod {}": (
        "peuvent entrer dans {}, où sont des noms et des adresses : chmod {}"
    ),
    "can read {}, which holds a password or token: chmod {}": (
        "peuvent lire {}, qui contient un mot de passe ou un jeton : chmod {}"
    ),
    "{}: {} free": "{} : {} libres",
    "{}: only {} free: make room, or move the data folder with --data-dir": (
        "{} : seulement {} libres : faites de la place, ou déplacez le dossier de données avec --data-dir"
    ),
    "{} at a time": "{} à la fois",
    "a process may open {} files: {} before the start allows more": (
        "un processus peut ouvrir {} fichiers : {} avant le lancement en permet davantage"
    ),
    "a run listens at {}": "un `run` écoute à {}",
    "{} is taken by another program: `run` takes the next free one, or set http_port": (
        "{} est pris par un autre programme : `run` prend le suivant qui est libre, ou réglez http_port"
    ),
    "{} is free": "{} est libre",
    "embedded, {}, {}": "intégré, {}, {}",
    "{}; past its end of life: for more than trying out, a newer mongod on PATH": (
        "{} ; n'est plus maintenu : au-delà d'un essai, mettez un mongod plus récent dans le PATH"
    ),
    "{} does not start: {}": "{} ne démarre pas : {}",
    "the embedded server answers": "le serveur intégré répond",
    "{} answers": "{} répond",
    "{} cannot be used: {}": "{} ne peut pas servir : {}",
    "{} is the lowest supported one. Documents are stored, KPIs may fail: upgrade it": (
        "{} est la plus ancienne prise en charge. Les documents sont enregistrés, les indicateurs peuvent"
        " échouer : mettez-le à jour"
    ),
    "this machine and MongoDB agree": "cette machine et MongoDB sont d'accord",
    "MongoDB's is {} s ahead of the one here: synchronise both with NTP": (
        "celle de MongoDB avance de {} s sur celle d'ici : synchronisez les deux par NTP"
    ),
    "MongoDB's is {} s behind the one here: synchronise both with NTP": (
        "celle de MongoDB retarde de {} s sur celle d'ici : synchronisez les deux par NTP"
    ),
    "the user has all of them": "l'utilisateur les a tous",
    "the user lacks {}. Let an administrator run, in that database, {}, and give the role to the user with {}": (
        "il manque à l'utilisateur {}. Faites exécuter par un administrateur, dans cette base, {}, puis donnez le rôle"
        " à l'utilisateur avec {}"
    ),
    "MongoDB lets everybody in: turn its access control on": (
        "MongoDB laisse entrer tout le monde : activez son contrôle d'accès"
    ),
    "MongoDB wants a user and a password: write them into mongo_uri": (
        "MongoDB demande un utilisateur et un mot de passe : écrivez-les dans mongo_uri"
    ),
    "writes are acknowledged by a majority, journaled": "les écritures sont confirmées par une majorité, journalisées",
    "nothing can be written durably: {}. Start mongod with its journal": (
        "rien ne peut être écrit durablement : {}. Lancez mongod avec son journal"
    ),
    "there is a database {}, and MongoDB allows no two that differ in case: set mongo_database to it": (
        "il y a une base {}, et MongoDB n'en permet pas deux qui ne diffèrent que par la casse : réglez mongo_database"
        " sur elle"
    ),
    "none, and no index, is in the way": "aucune, et aucun index, ne gêne",
    "they cannot be looked at: {}": "on ne peut pas les examiner : {}",
    "{} is not MultiMarket's view: rename or drop it": (
        "{} n'est pas la vue de MultiMarket : renommez-la ou supprimez-la"
    ),
    "nothing can be stored in {}: it is {}; rename or drop it, and MultiMarket creates its own": (
        "rien ne peut être enregistré dans {} : c'est {} ; renommez-la ou supprimez-la, et MultiMarket crée la sienne"
    ),
    "a view": "une vue",
    "a time-series collection, which stores a key twice": (
        "une collection de séries temporelles, qui enregistre deux fois une clé"
    ),
    "a capped collection, which drops its oldest documents": (
        "une collection plafonnée, qui supprime ses plus anciens documents"
    ),
    "a collection with a collation, in which different keys are equal": (
        "une collection avec un classement, où des clés différentes sont égales"
    ),
    "{} has a validator, which may refuse documents of ours: remove it with collMod": (
        "{} a un validateur, qui peut refuser nos documents : enlevez-le avec collMod"
    ),
    "{}: its index {} deletes documents after a while: drop it": (
        "{} : son index {} supprime des documents après un temps : supprimez-le"
    ),
    "{}: its index {} refuses a second document with the same {}: drop it": (
        "{} : son index {} refuse un second document avec le même {} : supprimez-le"
    ),
    "{} of {} are not MultiMarket's: they are left out of all KPIs": (
        "{} de {} ne sont pas de MultiMarket : aucun indicateur ne les compte"
    ),
}
