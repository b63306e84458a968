using System.CommandLine;
using EntityActors.Host.Cli;

var root = new RootCommand("EntityActors: a temporal entity store. Without a command it serves.");
var serve = ServeCommand.Create();
foreach (var option in serve.Options) root.Options.Add(option);
root.SetAction((result, cancellation) => ServeCommand.RunAsync(result, cancellation));
root.Subcommands.Add(serve);
root.Subcommands.Add(UpCommand.Create());
root.Subcommands.Add(EntityCommands.Create());
root.Subcommands.Add(ListCommands.Query());
root.Subcommands.Add(ListCommands.History());
root.Subcommands.Add(WatchCommand.Create());
root.Subcommands.Add(InspectCommands.Verify());
root.Subcommands.Add(InspectCommands.Inspect());
root.Subcommands.Add(ImportCommand.Create());
return await CommandLine.RunAsync(root, args);
