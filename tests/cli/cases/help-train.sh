wick train --help
