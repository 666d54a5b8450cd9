import { Inject, Injectable, Logger, type FactoryProvider, type OnApplicationShutdown } from '@nestjs/common';
import { openReadModel, type PostgresReadModel } from '@dtm/read-model';
import { CONFIG, Readiness, type DatabaseConfig } from '@dtm/service-host';

/** Injects the `ReadModel`. */
export const READ_MODEL = Symbol('ReadModel');

/** More would have each question wait longer in PostgreSQL, at a cost, instead of here, in turn. */
const POOL_SIZE = 4;

/** The read models in PostgreSQL, of a replica where there is one; without them the api is of no use, so readiness hangs on them. */
export const readModelProvider: FactoryProvider<PostgresReadModel> = {
  provide: READ_MODEL,
  inject: [CONFIG, Readiness],
  useFactory: (config: DatabaseConfig, readiness: Readiness) => {
    const logger = new Logger('ReadModel');
    const readModel = openReadModel({
      url: config.databaseReadUrl,
      name: 'api',
      poolSize: POOL_SIZE,
      onProblem: (text) => logger.warn(text),
    });
    readiness.register('postgres', () => readModel.check());
    return readModel;
  },
};

/** Closes the connections last of all. */
@Injectable()
export class ReadModelEnd implements OnApplicationShutdown {
  constructor(@Inject(READ_MODEL) private readonly readModel: { close?: () => Promise<void> }) {}

  async onApplicationShutdown(): Promise<void> {
    await this.readModel.close?.();
  }
}
