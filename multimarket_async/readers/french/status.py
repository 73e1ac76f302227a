"""French of `status` and `top`: feeds, latency, generations and sinks."""

STATUS = {
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
    "{}: {} of {} files lack {}: they look like another format; try `formats suggest`": (
        "{} : {} des {} fichiers n'ont pas {} : ils semblent d'un autre format ; essayez `formats suggest`"
    ),
    "{}: {} of {} files are refused alike ({}): they look like another format; try `formats suggest`": (
        "{} : {} des {} fichiers sont refusés pour la même raison ({}) : ils semblent d'un autre format ; essayez"
        " `formats suggest`"
    ),
    "{} of {} files lack {}: they look like another format; try `formats suggest`": (
        "{} des {} fichiers n'ont pas {} : ils semblent d'un autre format ; essayez `formats suggest`"
    ),
    "{} of {} files are refused alike ({}): they look like another format; try `formats suggest`": (
        "{} des {} fichiers sont refusés pour la même raison ({}) : ils semblent d'un autre format ; essayez"
        " `formats suggest`"
    ),
}
