"""The command line: a root command that loads its subcommands when they are asked for, and `mrfscope analyze`."""
