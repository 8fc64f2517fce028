import { addressOfFile, linkedFiles, pageOfFile } from '../.vitepress/repository.mjs'

/** A page for each file of the repository that a page links to. */
export default {
  paths: () =>
    linkedFiles().map((file) => ({
      params: { file: addressOfFile(file).slice('/repository/'.length) },
      content: pageOfFile(file),
    })),
}
