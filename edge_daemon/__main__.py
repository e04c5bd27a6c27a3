from edge_daemon.cli.main import main

main()
