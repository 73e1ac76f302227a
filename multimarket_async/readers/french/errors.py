"""French of the errors that end a command: what is wrong, and what to do."""

ERRORS = {
    "error:": "erreur :",
    # of places
    "{name} is no data folder: it has none of {name}. Nothing was read or created. Name another folder with --data-dir;"
    " {} create what is missing": (
        "{} n'est pas un dossier de données : il n'a aucun de {}. Rien n'a été lu ni créé. Nommez un autre dossier avec"
        " --data-dir ; {} créent ce qui manque"
    ),
    "{name} has no database: neither is there `mongo` in it, nor is mongo_uri set. Nothing was read or created. Name"
    " another folder with --data-dir; {} create what is missing": (
        "{} n'a pas de base de données : il n'y a pas de `mongo` dedans, et mongo_uri n'est pas réglé. Rien n'a été lu"
        " ni créé. Nommez un autre dossier avec --data-dir ; {} créent ce qui manque"
    ),
    "{name}: {}. Correct that, or choose another folder with --data-dir": (
        "{} : {}. Corrigez cela, ou choisissez un autre dossier avec --data-dir"
    ),
    "{name} {name}: {}. Name another one": "{} {} : {}. Nommez-en un autre",
    "Read-only file system": "système de fichiers en lecture seule",
    "Not a directory": "ce n'est pas un dossier",
    "Is a directory": "c'est un dossier",
    "{name} is no file": "{} n'est pas un fichier",
    "{} files still wait, unharmed, in the landing directories": (
        "{} fichiers attendent encore, intacts, dans les dossiers de dépôt"
    ),
    "`run`, `demo` and `collect`": "`run`, `demo` et `collect`",
    "`run`, `demo`, `collect` and `measure`": "`run`, `demo`, `collect` et `measure`",
    # of names
    "There is no KPI {name}; there are {name}": "Il n'y a pas d'indicateur {} ; il y a {}",
    "There is no KPI {name}; there are {name}. Did you mean {name}?": (
        "Il n'y a pas d'indicateur {} ; il y a {}. Vouliez-vous dire {} ?"
    ),
    "{name} has no number {name} to follow. There are: {name}": "{} n'a pas de nombre {} à suivre. Il y a : {}",
    "There is no feed {name}; there are {name}": "Il n'y a pas de flux {} ; il y a {}",
    "There is no feed {name}; there are {name}. Did you mean {name}?": (
        "Il n'y a pas de flux {} ; il y a {}. Vouliez-vous dire {} ?"
    ),
    "There is no domain {name}; there are {name}": "Il n'y a pas de domaine {} ; il y a {}",
    "There is no domain {name}; there are {name}. Did you mean {name}?": (
        "Il n'y a pas de domaine {} ; il y a {}. Vouliez-vous dire {} ?"
    ),
    "There is no lesson {name}; there are {name}": "Il n'y a pas de leçon {} ; il y a {}",
    "There is no lesson {name}; there are {name}. Did you mean {name}?": (
        "Il n'y a pas de leçon {} ; il y a {}. Vouliez-vous dire {} ?"
    ),
    "There is no sink {name}; there are: {name}": "Il n'y a pas de destination {} ; il y a : {}",
    "There is no sink {name}; there are: {name}. Did you mean {name}?": (
        "Il n'y a pas de destination {} ; il y a : {}. Vouliez-vous dire {} ?"
    ),
    "There is no file {name} in quarantine. `quarantine list` shows what there is": (
        "Il n'y a pas de fichier {} en quarantaine. `quarantine list` montre ce qu'il y a"
    ),
    "There is no manifest in {name}: `produce`, `demo` and `run` write one": (
        "Il n'y a pas de manifeste dans {} : `produce`, `demo` et `run` en écrivent un"
    ),
    "{name} is no usable manifest: {}": "{} n'est pas un manifeste utilisable : {}",
    "line {} is none of a manifest": "la ligne {} n'est pas celle d'un manifeste",
    "its first line does not identify it": "sa première ligne ne l'identifie pas",
    "it was changed since it was written": "il a été modifié depuis qu'il a été écrit",
    # of settings and arguments
    "There is no setting {name} (given in {name}). `config show` lists them all": (
        "Il n'y a pas de réglage {} (donné dans {}). `config show` les montre tous"
    ),
    "There is no setting {name} (given in {name}). Did you mean {name}?": (
        "Il n'y a pas de réglage {} (donné dans {}). Vouliez-vous dire {} ?"
    ),
    "{name} is not valid TOML: {name}": "{} n'est pas du TOML valide : {}",
    "{name} is not a time. Expected 2026-05-01T12:00 or 2026-05-01": (
        "{} n'est pas un moment. Attendu : 2026-05-01T12:00 ou 2026-05-01"
    ),
    "{name} is no length of time; expected 24months, 90days, 8weeks or 2years": (
        "{} n'est pas une durée ; attendu : 24months, 90days, 8weeks ou 2years"
    ),
    "--for {name} is a kind of CSV: add --format csv": "--for {} est une sorte de CSV : ajoutez --format csv",
    "A workbook is no text for a terminal: write it into a file, as in > kpi.xlsx": (
        "Un classeur n'est pas un texte pour un terminal : écrivez-le dans un fichier, comme > kpi.xlsx"
    ),
    "Say how many: --files-per-feed N or --files N, or --live to go on until stopped": (
        "Dites combien : --files-per-feed N ou --files N, ou --live pour continuer jusqu'à l'arrêt"
    ),
    # of generations
    "Nothing has been measured yet. `kpi refresh` measures what is stored": (
        "Rien n'a encore été mesuré. `kpi refresh` mesure ce qui est enregistré"
    ),
    "{} is not kept: the oldest one is {}. `kpi history` lists them": (
        "{} n'est pas conservée : la plus ancienne est {}. `kpi history` les montre"
    ),
    "Generation {}": "La génération {}",
    "A generation as of {}": "Une génération du {}",
    "{}, of {} UTC": "{}, du {} UTC",
    "The rows of {name} in generation {} are not kept any more": (
        "Les lignes de {} dans la génération {} ne sont plus conservées"
    ),
    "Generation {} has no {name}: it was not measured then": (
        "La génération {} n'a pas {} : il n'était pas mesuré alors"
    ),
    # of MongoDB
    "MongoDB refuses these credentials: {name}": "MongoDB refuse ces identifiants : {}",
    "MongoDB cannot be used with this mongo_uri: {name}": "MongoDB ne peut pas servir avec ce mongo_uri : {}",
    "mongo_uri has an option that cannot be used: {name}": "mongo_uri a une option qui ne peut pas servir : {}",
    "The embedded MongoDB cannot start: {name}": "Le MongoDB intégré ne démarre pas : {}",
}
