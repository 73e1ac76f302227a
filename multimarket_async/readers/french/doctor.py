"""French of `doctor`."""

DOCTOR = {
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
