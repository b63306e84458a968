using EntityActors.Actors.Hosting;
using EntityActors.Host.Http;
using EntityActors.Host.Security.Audit;
using EntityActors.Storage.Io;

namespace EntityActors.Host.Security;

/// <summary>Users, sessions and the audit log in the host.</summary>
internal static class SecurityHosting
{
    /// <summary>After the store, whose start they wait for.</summary>
    public static void Add(IServiceCollection services, ServeOptions options, SecuritySettings settings)
    {
        services.AddSingleton(options);
        services.AddSingleton(settings);
        services.AddSingleton<AccountStore>();
        services.AddSingleton<PasswordWork>();
        services.AddSingleton<LoginGuard>();
        services.AddSingleton<ISessionReader, SessionReader>();
        services.AddSingleton<SessionCache>();
        services.AddSingleton<LoginService>();
        services.AddSingleton<UserService>();
        services.AddSingleton<RoleService>();
        services.AddSingleton<RunningRequests>();
        services.AddSingleton<FirstAdministrator>();
        services.AddSingleton<SessionSweeper>();
        services.AddSingleton(provider => new AuditLog(PosixFileSystem.Instance, () => FilesOf(provider), settings,
            provider.GetRequiredService<TimeProvider>(), provider.GetRequiredService<ILogger<AuditLog>>()));
        services.AddSingleton(provider => new AuditReader(PosixFileSystem.Instance, DataDirectory(provider)));
        // Without authentication there is nobody to make and nothing to look after.
        if (!settings.IsEnabled) return;
        services.AddHostedService(provider => provider.GetRequiredService<FirstAdministrator>());
        services.AddHostedService(provider => provider.GetRequiredService<RunningRequests>());
        services.AddHostedService(provider => provider.GetRequiredService<SessionSweeper>());
    }

    public static void Map(IEndpointRouteBuilder routes)
    {
        SessionEndpoints.Map(routes);
        UserEndpoints.Map(routes);
        RoleEndpoints.Map(routes);
        AuditEndpoint.Map(routes);
    }

    private static AuditFiles FilesOf(IServiceProvider provider) =>
        new(PosixFileSystem.Instance, DataDirectory(provider), provider.GetRequiredService<NodeStoreService>().Store.Log.Node);

    private static string DataDirectory(IServiceProvider provider) => provider.GetRequiredService<NodeStoreService>().Store.Options.DataDirectory;
}
