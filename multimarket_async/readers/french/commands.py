"""French of the other commands."""

COMMANDS = {
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
    # of formats
    "Format": "Format",
    "Declared in": "Déclaré dans",
    "For": "Pour",
    "built in ({})": "intégré ({})",
    "{}: {}, {} records, {} accepted, {} rejected": "{} : {}, {} enregistrements, {} acceptés, {} rejetés",
    "No domain that is on has formats: the setting `domains` turns one on": (
        "Aucun domaine actif n'a de formats : le réglage `domains` en active un"
    ),
    "There is no format {}; there are {}": "Il n'y a pas de format {} ; il y a {}",
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
    # of verify --manifest
    "{name} has no last line: its run was killed, or still runs. The files that it names are compared": (
        "{} n'a pas de dernière ligne : son processus a été tué, ou court encore. Ses fichiers sont comparés"
    ),
    "{} files were announced by a run that was killed before it delivered them": (
        "{} fichiers ont été annoncés par un processus tué avant de les livrer"
    ),
    "No manifest given names {} files or documents: {name}, for example {name}. So KPIs were not compared": (
        "Aucun manifeste donné ne nomme {} fichiers ou documents : {}, par exemple {}. Les indicateurs n'ont donc pas"
        " été comparés"
    ),
    "No manifest given names {} files or documents: {name}. So KPIs were not compared": (
        "Aucun manifeste donné ne nomme {} fichiers ou documents : {}. Les indicateurs n'ont donc pas été comparés"
    ),
    "If other runs delivered them, name their manifests too (all: --manifest all)": (
        "Si d'autres processus les ont livrés, nommez aussi leurs manifestes (tous : --manifest all)"
    ),
    "and {} more differences": "et {} autres différences",
    "Right: {} files are where the manifest says, {} documents are as they were delivered, and {} KPIs of generation {}"
    " agree to the cent": (
        "Juste : {} fichiers sont où le dit le manifeste, {} documents sont tels qu'ils ont été livrés, et {}"
        " indicateurs de la génération {} concordent au centime"
    ),
    "{} files are where the manifest says, and {} documents are as they were delivered": (
        "{} fichiers sont où le dit le manifeste, et {} documents sont tels qu'ils ont été livrés"
    ),
    "{name}: {name} must be {}, and is {}": "{} : {} doit être {}, et est {}",
    "{name}: {name} has {} records; its receipt says {}": "{} : {} a {} enregistrements ; son reçu en dit {}",
    "{} {} times": "{} {} fois",
    "archived": "archivé",
    "waiting": "en attente",
    "in quarantine as {code}": "en quarantaine comme {}",
    "{name} has ingestion {name}, a file that no manifest names": (
        "{} a l'ingestion {}, un fichier qu'aucun manifeste ne nomme"
    ),
    "{name} has {name} {name} instead of {name}": "{} a {} {} au lieu de {}",
    # of replay
    "{} went back to {name}; the next collection reads them again": (
        "{} : retour à {} ; la prochaine collecte les relit"
    ),
    "files": "fichiers",
    "{} files and {} rejected records": "{} fichiers et {} enregistrements rejetés",
    "0 files went back to {name}: {}": "0 fichiers : retour à {} ; {}",
    "{name} went back already, at {name}": "{} y est déjà retourné, à {}",
    "These would go back; {} of them were changed since they were quarantined. Nothing was sent": (
        "Ceux-ci seraient renvoyés ; {} d'entre eux ont été modifiés depuis leur mise en quarantaine. Rien n'est parti"
    ),
    "{} of them were not changed since they were quarantined: they will be rejected again, unless settings or orders"
    " are others now. Send them back all the same (--yes), or only those that were changed (--changed)? [y/N]": (
        "{} d'entre eux n'ont pas été modifiés depuis leur mise en quarantaine : ils seront rejetés à nouveau, sauf"
        " si les réglages ou les commandes ont changé. Les renvoyer quand même (--yes), ou seulement ceux qui ont été"
        " modifiés (--changed) ? [o/N]"
    ),
    "Nothing was sent back: nobody answered. --yes sends all, --changed those that were changed": (
        "Rien n'a été renvoyé : personne n'a répondu. --yes renvoie tout, --changed ceux qui ont été modifiés"
    ),
    # of kpi
    "KPIs of {name}": "Indicateurs de {}",
    "KPI": "Indicateur",
    "Definition and columns": "Définition et colonnes",
    "FAILED: {}": "ÉCHEC : {}",
    "The newest generation is {}, as of {} UTC": "La dernière génération est {}, du {} UTC",
    "Generation {} was computed from scratch in {} s": "La génération {} a été entièrement recalculée en {} s",
    "It has no rows yet": "Il n'a pas encore de lignes",
    "These are the first {} of {} rows: --format csv or json gives all": (
        "Ce sont les {} premières lignes sur {} : --format csv ou json les donne toutes"
    ),
    "{name}: {} kB": "{} : {} ko",
    "Generation": "Génération",
    "As of (UTC)": "Données au (UTC)",
    "Row": "Ligne",
    "Documents": "Documents",
    "Changed": "Modifié",
    "Kept generations": "Générations conservées",
    "Generation {} -> {}": "Génération {} -> {}",
    "all": "tout",
    "These are the last {} of {} changes": "Ce sont les {} derniers changements sur {}",
    "These are the first {} of {} rows that differ": "Ce sont les {} premières lignes sur {} qui diffèrent",
    "{name} is not compared: it failed in generation {}. {}": (
        "{} n'est pas comparé : il a échoué dans la génération {}. {}"
    ),
    "{} {name} came in between": "{} {} arrivés entre-temps",
    "{} {name} came in between: {name}": "{} {} arrivés entre-temps : {}",
    "The generations count {} more: a batch was in flight at one of the two instants": (
        "Les générations en comptent {} de plus : un lot était en cours à l'un des deux instants"
    ),
    # of erase
    "{} waiting files of {name}": "{} fichiers en attente de {}",
    "{} archived files of {name}": "{} fichiers archivés de {}",
    "{} archived files of {name} in packs": "{} fichiers archivés de {} dans des paquets",
    "{} quarantined files of {name}": "{} fichiers en quarantaine de {}",
    "{} lists of rejected records of {name}": "{} listes d'enregistrements rejetés de {}",
    "{} reasons of replayed files of {name}": "{} motifs de fichiers renvoyés de {}",
    "{} documents of {name}": "{} documents de {}",
    "{} lines of logs": "{} lignes de journaux",
    "quarantined: {name}": "en quarantaine : {}",
    "An erasure begun at {} UTC was not finished: {name}": "Un effacement commencé le {} UTC n'a pas été terminé : {}",
    "Erased at {} UTC: {name}": "Effacé le {} UTC : {}",
    "Erased: {name}. The receipt is {name} in `erasures`": "Effacé : {}. Le reçu est {} dans `erasures`",
    "Nothing was erased": "Rien n'a été effacé",
    "Nothing was erased. --yes erases without a question": "Rien n'a été effacé. --yes efface sans question",
    "Erase this for good? It cannot be brought back. [y/N]": (
        "Effacer cela définitivement ? Rien ne le ramènera. [o/N]"
    ),
    "--client is empty: name a person": "--client est vide : nommez une personne",
    "More of that person arrives all the time: stop what delivers it, then run this again": (
        "Il en arrive sans cesse de cette personne : arrêtez ce qui la livre, puis relancez"
    ),
    # of bi
    "mongo_uri is set: in your MongoDB, create a user for BI tools whose role may `find` in the views kpi_* and list_*,"
    " and in nothing else: the role read shows the names and addresses in the orders": (
        "mongo_uri est réglé : dans votre MongoDB, créez pour les outils de BI un utilisateur dont le rôle peut `find`"
        " dans les vues kpi_* et list_*, et dans rien d'autre : le rôle read montre les noms et adresses des commandes"
    ),
    "Nothing answers there yet: the addresses above work while `run` does": (
        "Rien n'y répond encore : ces adresses répondent tant que `run` tourne"
    ),
}
