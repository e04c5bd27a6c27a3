from edge_daemon.cli import main

main()
